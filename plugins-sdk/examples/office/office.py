#!/usr/bin/env python3
"""office: the rules of an office, as one service with five plugins:

  /factors/user-level   FactorGenerator    priority by the user's level (a table in a file)
  /factors/job-size     FactorGenerator    priority by what the job asks for
  /gate/office-hours    AccessGate         suspends outside the hours until they begin
  /decorate             TemplateDecorator  environment, cost center, a set-up in front of scripts
  /bind                 SchedulerBinder    the priority factors become the pods' priority
"""

import argparse
import pathlib

from additions import Environment, PriorityBinder
from factors import UserLevel, job_size
from gates import OfficeHours
from sluice_plugin import App
from sluice_plugin.main import parser, serve

HERE = pathlib.Path(__file__).resolve().parent


def name_and_value(text):
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError("NAME=VALUE is needed")
    return name, value


def class_and_least(text):
    name, value = name_and_value(text)
    return int(value), name


def add_options(options):
    add = options.add_argument
    add("--levels", default=str(HERE / "levels.json"),
        help="table of users and their levels")
    add("--hours", default="always", help="'mon-fri 08:00-18:00, sat 10:00-14:00'")
    add("--timezone", default="UTC", help="of the hours, as Europe/Berlin")
    add("--env", type=name_and_value, action="append", default=[],
        metavar="NAME=VALUE", help="for every container that has no such name")
    add("--cost-center", default="research")
    add("--setup", default='echo "set-up: cost center $COST_CENTER, umask 027"; umask 027',
        help="shell lines in front of every script")
    add("--class", dest="classes", type=class_and_least, action="append",
        default=[], metavar="NAME=LEAST", help="priority class from this sum on")
    return options


def add_plugins(app, options):
    app.factors("user-level", description="priority by the user's level")(UserLevel(options.levels))
    app.factors("job-size", description="priority by what the job asks for", sideEffects="none")(job_size)
    app.gate("office-hours", description="suspends outside office hours", sideEffects="none")(
        OfficeHours(options.hours, options.timezone))
    app.decorator(description="environment, cost center, set-up in front of scripts", sideEffects="none")(
        Environment(dict(options.env), options.cost_center, options.setup))
    app.binder(description="the priority factors become the pods' priority", sideEffects="none")(
        PriorityBinder(options.classes))
    return app


def main():
    app = App("office", author="examples", description="The rules of an office: priorities, hours, environment")
    options = add_options(parser(app))
    chosen = options.parse_args()
    try:
        serve(add_plugins(app, chosen), chosen)
    except (OSError, ValueError) as error:
        options.exit(1, f"office: {error}\n")


if __name__ == "__main__":
    main()
