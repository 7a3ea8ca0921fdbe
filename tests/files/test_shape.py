"""What a kept file must look like is written once, and what is of another kind is refused by the name of its field."""

import pytest

from seki_lib.files.shape import require_shape

SHAPE = {
    "cell": str,
    "score": float,
    "round?": int,
    "dollars": (float, None),
    "final": {"*": float},
    "calls?": [{"n": int}],
}
GOOD = {"cell": "a", "score": 1, "round": 3, "dollars": None, "final": {"x": 0.5}, "calls": [{"n": 1}], "note": []}


def test_what_is_of_the_shape_passes_and_other_fields_are_not_looked_at():
    require_shape(GOOD, SHAPE)
    require_shape({name: value for name, value in GOOD.items() if name not in ("round", "calls")}, SHAPE)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cell": 3}, "cell is 3, not a text"),
        ({"score": True}, "score is True, not a finite number"),
        ({"score": float("nan")}, "score is nan, not a finite number"),
        ({"score": 10**400}, "score is 1000000"),
        ({"round": 2.0}, "round is 2.0, not a whole number"),
        ({"dollars": "free"}, "dollars is 'free', not a finite number or null"),
        ({"final": []}, r"final is \[\], not an object"),
        ({"final": {"x": None}}, r"final\.x is None"),
        ({"calls": {}}, "calls is an object, not a list"),
        ({"calls": [{"n": 1}, {}]}, r"calls\.n is missing"),
    ],
)
def test_another_kind_is_refused_by_the_name_of_its_field(changed, said):
    with pytest.raises(ValueError, match=said):
        require_shape(GOOD | changed, SHAPE)


def test_a_missing_field_and_another_top_are_refused():
    with pytest.raises(ValueError, match="score is missing"):
        require_shape({"cell": "a"}, SHAPE)
    with pytest.raises(ValueError, match="it is None, not an object"):
        require_shape(None, SHAPE)
