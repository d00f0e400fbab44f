import pathlib
import unittest

from office import add_options, add_plugins
from sluice_plugin import App
from sluice_plugin.log import silent
from sluice_plugin.main import parser
from sluice_plugin.testing import replay


class Recorded(unittest.TestCase):
    def test_recorded_calls(self):
        app = App("office", log=silent)
        add_plugins(app, add_options(parser(app)).parse_args([]))
        self.assertEqual(replay(app, pathlib.Path(__file__).with_name("calls.json")), [])


if __name__ == "__main__":
    unittest.main()
