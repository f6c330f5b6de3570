"""A JSON file under a lock. Real home: framework0.jsonfile."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from framework0.jsonfile import JsonFile as octolockjson

__all__ = ["octolockjson"]
