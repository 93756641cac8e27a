"""What was found of a configuration, found once: an anatomy and a report as JSON, and back."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from dtviz.checkpoints.verification import cached
from dtviz.checkpoints.verification.anatomy import MLP, Anatomy, NormPlace, Place
from dtviz.checkpoints.verification.verify import Verified
from dtviz.verification_report import report_of


def kept(config: bytes, find: Callable[[], Verified]) -> Verified:
    """Return what was found of a configuration before, or find it now and keep it.

    Args:
        config: its text.
        find: finds it.
    """
    key = cached.key_of(config)
    text = cached.read(key)
    if text is not None:
        # If it is damaged it is found anew.
        with contextlib.suppress(AttributeError, ValueError, TypeError, KeyError):
            return _verified(json.loads(text))
    found = find()
    cached.write(key, json.dumps(asdict(found)))
    return found


def _verified(held: dict[str, Any]) -> Verified:
    anatomy, report = held["anatomy"], held["report"]
    return Verified(
        Anatomy(
            layers={
                int(layer): tuple(map(_mlp, mlps)) for layer, mlps in anatomy["layers"].items()
            },
            routers={int(layer): Place(**place) for layer, place in anatomy["routers"].items()},
            embed=_place_of(anatomy["embed"]),
            embed_norms=tuple(NormPlace(**norm) for norm in anatomy["embed_norms"]),
            embed_alone=anatomy["embed_alone"],
            unembed=_place_of(anatomy["unembed"]),
            bias=anatomy["bias"],
            final=_norm(anatomy["final"]),
            left_out=tuple(anatomy["left_out"]),
        ),
        report_of(report),
    )


def _mlp(held: dict[str, Any]) -> MLP:
    return MLP(
        sides=tuple((side, Place(**place)) for side, place in held["sides"]),
        are_experts=held["are_experts"],
        before=_norm(held["before"]),
        inside=_norm(held["inside"]),
        after=tuple(NormPlace(**norm) for norm in held["after"]),
    )


def _place_of(held: dict[str, Any] | None) -> Place | None:
    return None if held is None else Place(**held)


def _norm(held: dict[str, Any] | None) -> NormPlace | None:
    return None if held is None else NormPlace(**held)
