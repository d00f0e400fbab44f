"""Makes calls of a running gateway fail: tests/lib/faults.h says how.

    faults = Faults(folder)
    daemon.environment.update(faults.environment())
    faults.fail("PWRITE", errno.ENOSPC, skip=3)      # the fourth from now on fails, once
    faults.fail("ACCEPT", errno.EMFILE, count=-1)    # all, until clear()
"""

import mmap
import os
import struct

from harness import ROOT, library

NAMES = ["OPEN", "WRITE", "PWRITE", "META", "FDATASYNC", "ACCEPT", "SOCKET", "EPOLL_CTL", "FORK",
         "MKDIR", "ALLOC", "THREAD"]
SLOT = struct.Struct("iiiiii")  # skip, count, error, hits, seen, nothing
LEAKS_OF_OTHERS = ROOT / "tests" / "lib" / "lsan.supp"
HEAD = struct.Struct("q")
SIZE = 4096


class Faults:
    def __init__(self, folder):
        self.path = folder / "faults"
        self.path.write_bytes(bytes(SIZE))
        os.chmod(self.path, 0o666)
        with open(self.path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), SIZE)

    def environment(self, preload=True):
        made = {"FAULTS_FILE": str(self.path)}
        if preload:
            options = os.environ.get("ASAN_OPTIONS", "")
            made |= {"LD_PRELOAD": library("libfaults.so"),
                     "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0".lstrip(":"),
                     "LSAN_OPTIONS": f"suppressions={LEAKS_OF_OTHERS}:print_suppressions=0"}
        return made

    def _at(self, name):
        return HEAD.size + NAMES.index(name) * SLOT.size

    def _slot(self, name):
        return list(SLOT.unpack_from(self.page, self._at(name)))

    def fail(self, name, error, skip=0, count=1):
        _, _, _, _, seen, _ = self._slot(name)
        # Switched on last: what counts down sees the rest already.
        SLOT.pack_into(self.page, self._at(name), skip, 0, error, 0, seen, 0)
        struct.pack_into("i", self.page, self._at(name) + 4, count)

    def clear(self):
        for name in NAMES:
            struct.pack_into("i", self.page, self._at(name) + 4, 0)

    def hits(self, name):
        return self._slot(name)[3]

    def seen(self, name):
        return self._slot(name)[4]

    def set_wall(self, seconds):
        HEAD.pack_into(self.page, 0, int(seconds * 1000))
