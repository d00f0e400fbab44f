"""19: the size of the daemon."""

import shutil
import subprocess

from common.goal import Figure, Group

MIB = 1024 * 1024


class Size(Group):
    figures = (Figure(19, "MB of sluiced, stripped", at_most=1, unit="MB"),)
    seconds = 1
    rounds = 1

    def round(self):
        copy = self.build.fresh("size") / "sluiced"
        shutil.copy(self.build.sluiced, copy)
        subprocess.run(["strip", str(copy)], check=True)
        return {"MB of sluiced, stripped": copy.stat().st_size / MIB}
