"""Writes keys.json, configurations.json and python.json. By hand only, in the environment of tests/peers/python/requirements.txt."""

import importlib.metadata
import json
import pathlib
import warnings

import lessons
import rfc8725
import rows
from configurations import CONFIGURATIONS, MARKET, NOW

from making import Vectors

FOLDER = pathlib.Path(__file__).resolve().parent.parent


def main():
    vectors = Vectors()
    for make in [*lessons.EVERY, *rfc8725.EVERY, *rows.EVERY]:
        make(vectors.add)
    made_by = ", ".join(f"{library} {importlib.metadata.version(library)}" for library in ["PyJWT", "joserfc", "Authlib", "cryptography"])
    vectors.dump(FOLDER / "python.json", made_by)
    (FOLDER / "keys.json").write_text(json.dumps({"keys": MARKET}, indent=1) + "\n")
    (FOLDER / "configurations.json").write_text(json.dumps({"now": NOW, "configurations": CONFIGURATIONS}, indent=1) + "\n")


if __name__ == "__main__":
    main()
