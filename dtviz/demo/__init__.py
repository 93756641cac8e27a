"""The bundled model: its task, its training script and its checkpoint.

Importing this package loads neither torch nor minigrid; its modules do.
"""

from pathlib import Path

CHECKPOINT: Path = Path(__file__).with_name("demo.pt")
"""The bundled checkpoint, in the published decision transformer format."""
