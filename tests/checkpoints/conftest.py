import pytest

from . import language_models


@pytest.fixture(scope="session")
def directory(tmp_path_factory):
    """Return a function that gives the directory of a language model by its kind."""
    made = {}

    def saved(kind):
        if kind not in made:
            how = {"max_shard_size": "10KB"} if kind == "llama" else {}
            path = tmp_path_factory.mktemp("models") / kind
            made[kind] = language_models.saved(kind, path, **how)
        return made[kind]

    return saved
