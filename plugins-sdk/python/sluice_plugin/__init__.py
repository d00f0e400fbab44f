"""Plugins for the Sluice admission gateway: a function, and ten lines around it.

    from sluice_plugin import App, passed, stop

    app = App("red-gate", author="me", description="team red only")

    @app.gate()
    def red_only(call):
        return passed() if call.header.get("team") == "red" else stop("only team red works here today")

    if __name__ == "__main__":
        app.main()
"""

from .answers import OK, RE, Refuse, Unavailable, exception, factor, passed, stop, suspend
from .app import App, Reply
from .call import Call, Change
from .signature import is_signed, parse_keys, sign

__all__ = ["OK", "RE", "App", "Call", "Change", "Refuse", "Reply", "Unavailable", "exception",
           "factor", "is_signed", "parse_keys", "passed", "sign", "stop", "suspend"]
__version__ = "0.1.0"
