"""Refusing in words what a plugin cannot work with."""

from sluice_plugin import Refuse


def need(condition, words):
    if not condition:
        raise Refuse(words)
