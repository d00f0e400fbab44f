"""Reading TaskSets: roles, containers and Kubernetes quantities."""

import re
from decimal import Decimal

from words import need

FACTOR = {"": 1, "m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
          "P": 10**15, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)(m|k|[MGTP]i?|Ki)?")


def quantity(value, place):
    """`500m` -> Decimal("0.5"), `64Mi` -> 67108864."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Decimal(str(value))
    match = QUANTITY.fullmatch(value) if isinstance(value, str) else None
    need(match, f"{place}: is not a quantity")
    return Decimal(match[1]) * FACTOR[match[2] or ""]


def member(document, name, kind, place, default):
    """A member of an object that must be of a kind where it is there at all."""
    value = document.get(name)
    if value is None:
        return default
    need(isinstance(value, kind), f"{place}.{name}: has a wrong type")
    return value


def roles(job):
    """Each role as (its place, the role, its pod's spec)."""
    found = member(member(job, "spec", dict, "job", {}), "roles", list, "job.spec", [])
    need(found, "job.spec.roles: needs at least one role")
    for index, role in enumerate(found):
        place = f"job.spec.roles[{index}]"
        need(isinstance(role, dict), f"{place}: must be an object")
        template = member(role, "template", dict, place, {})
        yield place, role, member(template, "spec", dict, f"{place}.template", {})


def containers(pod, place):
    """Each container of a pod as (its place, the container)."""
    for index, one in enumerate(member(pod, "containers", list, place, [])):
        where = f"{place}.containers[{index}]"
        need(isinstance(one, dict), f"{where}: must be an object")
        yield where, one


def size(job):
    """What a TaskSet asks for in all: (replicas, cpus, bytes of memory)."""
    replicas, cpus, memory = 0, Decimal(0), Decimal(0)
    for place, role, pod in roles(job):
        count = member(role, "replicas", int, place, 1)
        replicas += count
        for where, container in containers(pod, place):
            resources = member(container, "resources", dict, where, {})
            limits = member(resources, "limits", dict, f"{where}.resources", {})
            asked = {**limits, **member(resources, "requests", dict, f"{where}.resources", {})}
            cpus += count * quantity(asked.get("cpu", 1), f"{where}.resources cpu")
            memory += count * quantity(asked.get("memory", 0), f"{where}.resources memory")
    return replicas, cpus, memory
