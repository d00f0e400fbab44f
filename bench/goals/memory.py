"""15: memory. Anonymous memory: the store's pages belong to the kernel's cache."""

from common.gateway import FIVE, Gateway
from common.goal import Figure, Group
from common.programs import plugin, wait_until

MB, KB = 1024, 1024  # of KiB; of bytes
FLIGHT, WARM = 32, 3000


class Memory(Group):
    figures = (
        Figure(15, "MB idle, limits.connections 64", at_most=20, unit="MB"),
        Figure(15, "MB idle, defaults", at_most=40, unit="MB"),
        Figure(15, "bytes per suspended job", at_most=256, unit="B"),
        Figure(15, "KB per job in admission", at_most=64, unit="KB"),
    )
    seconds = 40
    rounds = 3

    def __init__(self, build):
        super().__init__(build)
        self.suspended = 3000 if build.quick else 30000
        self.admitted = 300 if build.quick else 500  # of 2 000 only 768 are on their way to one plugin at once
        self.plugin = plugin(build)

    def idle(self, *config):
        gateway = Gateway(self.build, config=config)
        try:
            return gateway.settled_kib() / MB
        finally:
            gateway.close()

    def grown_kib(self, jobs, kind, settled, stage, bursts=1):
        """By how much a fresh gateway grows per job that stays where it is. With two bursts the
        second one counts: what the first one's way through admission took at its height is
        kept for reuse, and is not what the jobs hold."""
        gateway = Gateway(self.build)
        try:
            gateway.register(kind, [
                {"pluginType": "TemplateTranslator", "callAddress": self.address("now/translate")},
                {"pluginType": "AccessGate", "maxInFlight": self.admitted, "timeoutMs": 300000,
                 "callAddress": self.address(stage)}], kind)
            gateway.register_stages(FIVE, self.plugin.port)
            gateway.load(WARM, FLIGHT)
            for burst in range(1, bursts + 1):
                before = gateway.settled_kib()
                gateway.load(jobs, FLIGHT, "accepted", kind)
                wait_until(lambda: settled(gateway) >= jobs * burst, f"jobs of kind {kind} are where they stay", 300)
            return max(0, gateway.settled_kib() - before) / jobs
        finally:
            gateway.close()

    def address(self, path):
        return f"http://127.0.0.1:{self.plugin.port}/{path}"

    def round(self):
        suspended = self.grown_kib(self.suspended, "Suspends", lambda g: g.count(state="suspended"), "now/suspend",
                                   bursts=2)
        admitted = self.grown_kib(self.admitted, "Hangs", lambda g: g.metric("sluice_plugin_in_flight"), "hang/gate")
        return {"MB idle, limits.connections 64": self.idle("limits:", "  connections: 64"),
                "MB idle, defaults": self.idle(),
                "bytes per suspended job": suspended * KB, "KB per job in admission": admitted}

    def close(self):
        self.plugin.close()
