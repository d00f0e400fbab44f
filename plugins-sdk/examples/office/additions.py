"""A TemplateDecorator and a SchedulerBinder: what they answer is what they were sent, with
additions, and where something is already there it is left as it is."""

import re
from decimal import Decimal, InvalidOperation

import taskset
from words import need

SHELL = re.compile(r"(?:.*/)?(?:sh|bash|dash|ash|ksh|zsh)")
SHELL_OPTION = re.compile(r"-[a-z]*c")


class Environment:
    """Gives each container the site's environment, a set-up in front of its script and the
    cost center that pays for it."""

    def __init__(self, environment, cost_center, setup):
        self.environment = {**environment, "COST_CENTER": cost_center}
        self.cost_center = cost_center
        self.setup = setup

    def __call__(self, call):
        job = call.job
        metadata = add_object(job, "metadata", "job")
        add_object(metadata, "labels", "job.metadata").setdefault("cost-center", self.cost_center)
        notes = add_object(metadata, "annotations", "job.metadata")
        notes.setdefault("examples.sluice/submitted-by", call.user)
        for place, _, pod in taskset.roles(job):
            for where, container in taskset.containers(pod, place):
                self.add_environment(container, where)
                self.add_setup(container)
        return job

    def add_environment(self, container, where):
        env = taskset.member(container, "env", list, where, [])
        there = {one.get("name") for one in env if isinstance(one, dict)}
        env.extend({"name": name, "value": value}
                   for name, value in self.environment.items() if name not in there)
        container["env"] = env

    def add_setup(self, container):
        command = container.get("command")
        if self.setup and is_shell_form(command) and not command[2].startswith(f"{self.setup}\n"):
            command[2] = f"{self.setup}\n{command[2]}"


def is_shell_form(command):
    """[sh, -c, script], the form whose script may get something in front."""
    return (isinstance(command, list) and len(command) == 3
            and all(isinstance(word, str) for word in command)
            and SHELL.fullmatch(command[0]) and SHELL_OPTION.fullmatch(command[1]))


def add_object(parent, name, place):
    value = parent.get(name)
    if value is None:
        value = parent[name] = {}
    need(isinstance(value, dict), f"{place}.{name}: must be an object")
    return value


PRIORITY_MAX = 1000


class PriorityBinder:
    """Adds up the advice on `priority` and gives it to every pod that has none yet; with
    classes ([(least sum, class name)]), also the name of the class it reaches."""

    def __init__(self, classes=()):
        self.classes = sorted(classes, reverse=True)

    def __call__(self, call):
        total = self.weigh(call.factors.get("priority") or [])
        for place, role, pod in taskset.roles(call.job):
            if "priorityClassName" in pod or "priority" in pod:
                continue
            template = role.setdefault("template", {})
            pod = template.setdefault("spec", pod)
            pod["priority"] = total
            name = next((name for least, name in self.classes if total >= least), None)
            if name is not None:
                pod["priorityClassName"] = name
        return call.job

    @staticmethod
    def weigh(factors):
        need(isinstance(factors, list), "factors.priority: must be a list")
        total = Decimal(0)
        for factor in factors:
            try:
                advice = Decimal(str(factor["advice"]))
            except (InvalidOperation, KeyError, TypeError):
                continue  # advice that this binder does not understand is not for it
            if advice.is_finite():
                total += advice
        return int(max(-PRIORITY_MAX, min(PRIORITY_MAX, total)))
