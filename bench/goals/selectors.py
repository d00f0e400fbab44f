"""8 to 10: finding a job's plugins."""

from common.goal import Figure, Group


class Selectors(Group):
    figures = ()
    seconds = 5
