#!/usr/bin/env python3
"""The rules of an office, as one service with six plugins:

  /user-level    FactorGenerator    priority by the user's level (a table in a file)
  /job-size      FactorGenerator    priority by what the job asks for
  /office-hours  AccessGate         suspends outside the hours until they begin
  /quota         AccessGate         so many jobs of one user at once
  /environment   TemplateDecorator  environment, cost center, a set-up in front of scripts
  /priority      SchedulerBinder    the priority factors become the pods' priority

The quota asks the gateway with a token that holds read_job (environment SLUICE_TOKEN).
"""

import argparse
import os
import pathlib

import plugin
from additions import Environment, PriorityBinder
from factors import UserLevel, job_size
from gates import OfficeHours, Quota

HERE = pathlib.Path(__file__).resolve().parent


def name_and_value(text):
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError("NAME=VALUE is needed")
    return name, value


def class_and_least(text):
    name, value = name_and_value(text)
    return int(value), name


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    plugin.add_arguments(parser)
    parser.add_argument("--levels", default=str(HERE / "levels.json"),
                        help="table of users and their levels")
    parser.add_argument("--hours", default="always", help="'mon-fri 08:00-18:00, sat 10:00-14:00'")
    parser.add_argument("--timezone", default="UTC", help="of the hours, as Europe/Berlin")
    parser.add_argument("--quota", type=int, default=0, help="jobs of one user at once; 0: no limit")
    parser.add_argument("--quota-retry", type=int, default=5, metavar="SECONDS",
                        help="when a job over the quota is asked about again")
    parser.add_argument("--server", default="http://127.0.0.1:8080", help="the gateway, for the quota")
    parser.add_argument("--env", type=name_and_value, action="append", default=[],
                        metavar="NAME=VALUE", help="for every container that has no such name")
    parser.add_argument("--cost-center", default="research")
    parser.add_argument("--setup", default='echo "set-up: cost center $COST_CENTER, umask 027"; umask 027',
                        help="shell lines in front of every script")
    parser.add_argument("--class", dest="classes", type=class_and_least, action="append",
                        default=[], metavar="NAME=LEAST", help="priority class from this sum on")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    plugin.serve("office", {
        "/user-level": UserLevel(arguments.levels),
        "/job-size": job_size,
        "/office-hours": OfficeHours(arguments.hours, arguments.timezone),
        "/quota": Quota(arguments.quota, arguments.server.rstrip("/"),
                        os.environ.get("SLUICE_TOKEN", ""), arguments.quota_retry),
        "/environment": Environment(dict(arguments.env), arguments.cost_center, arguments.setup),
        "/priority": PriorityBinder(arguments.classes),
    }, arguments)


if __name__ == "__main__":
    main()
