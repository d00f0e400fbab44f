"""One file a group of goals; doc/performance.md says what each figure means."""

from goals.disk import Disk
from goals.engine import Engine
from goals.fanout import Fanout
from goals.front import Front
from goals.hooks import Hooks
from goals.instructions import Instructions
from goals.memory import Memory
from goals.neighbours import Neighbours
from goals.path import Path
from goals.scale import Scale
from goals.selectors import Selectors
from goals.size import Size
from goals.wide import Wide

GROUPS = [Path, Front, Fanout, Selectors, Engine, Hooks, Scale, Memory, Disk, Wide, Neighbours, Size, Instructions]
