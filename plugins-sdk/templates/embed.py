#!/usr/bin/env python3
"""embed.py OUTPUT [--depfile FILE]: the templates and the SDKs as C, for sluicectl plugin new."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
SDK = HERE.parent
TYPES = ("TemplateTranslator", "FactorGenerator", "AccessGate", "TemplateDecorator",
         "SchedulerBinder", "LifeHook")
PLUGIN = {"python": "@IDENT@.py", "node": "@NAME@.js", "go": "plugin.go", "c": "@IDENT@.c"}
# what of each SDK goes along: folder and patterns
ALONG = {"python": (SDK / "python", ["sluice_plugin/*.py", "sluice_plugin/py.typed"]),
         "node": (SDK / "node", ["src/*.js", "src/*.ts"]),
         "go": (SDK / "go", ["*.go", "go.mod", "plugintest/*.go"]),
         "c": (SDK, ["include/*.h", "c/*.c", "c/*.h"])}


def entries():
    """(language or None, type or None, path in the project, file)"""
    for file in sorted((HERE / "common").iterdir()):
        yield None, None, file.name.removesuffix(".in"), file
    for kind in TYPES:
        yield None, kind, "calls.json", HERE / f"calls/{kind}.json"
    for language, (folder, patterns) in ALONG.items():
        for file in sorted((HERE / language).iterdir()):
            kind = file.name.split(".")[0]
            path = PLUGIN[language] if kind in TYPES else file.name.removesuffix(".in")
            yield language, kind if kind in TYPES else None, path, file
        for pattern in patterns:
            for file in sorted(folder.glob(pattern)):
                if not file.name.endswith("_test.go"):
                    yield language, None, f"sdk/{file.relative_to(folder)}", file


def literal(text):
    return "NULL" if text is None else f'"{text}"'


def array(data):
    rows = [data[i:i + 32] for i in range(0, len(data), 32)] or [b""]
    return ",\n".join(",".join(str(byte) for byte in row) for row in rows) or "0"


def main():
    output = pathlib.Path(sys.argv[1])
    files, bodies, table = [], [], []
    for number, (language, kind, path, file) in enumerate(entries()):
        data = file.read_bytes()
        files.append(file)
        bodies.append(f"static const unsigned char file_{number}[] = {{\n{array(data) if data else '0'}\n}};")
        template = "true" if file.suffix == ".in" else "false"
        table.append(f"\t{{{literal(language)}, {literal(kind)}, {literal(path)}, file_{number}, "
                     f"{len(data)}, {template}}},")
    output.write_text('#include "cli/sluicectl/plugin_files.h"\n\n' + "\n".join(bodies) +
                      "\n\nconst struct plugin_file plugin_files[] = {\n" + "\n".join(table) +
                      "\n};\nconst size_t plugin_file_count = sizeof plugin_files / sizeof *plugin_files;\n",
                      encoding="ascii")
    if sys.argv[2:3] == ["--depfile"]:
        names = " ".join(str(file).replace(" ", "\\ ") for file in [*files, __file__])
        pathlib.Path(sys.argv[3]).write_text(f"{output}: {names}\n", encoding="utf-8")


main()
