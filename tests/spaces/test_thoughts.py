"""Thoughts are no reply."""

import pytest

from seki_lib.spaces.thoughts import split_thoughts


@pytest.mark.parametrize(
    ("text", "reply", "thoughts"),
    [
        ("the answer", "the answer", ""),
        ("<think>old cell</think>the answer", "the answer", "old cell"),
        ("<THINKING>a</THINKING> b", "b", "a"),
        ("old cell</think> the answer", "the answer", "old cell"),
        ("<think>old cell, cut", "", "old cell, cut"),
        ("a <think>b</think> c <think>d</think> e", "a  c  e", "b\nd"),
        ("<think>a <think>b</think> c</think>d", "d", "a\nb\nc"),
        ("[THINK]a[/THINK]b", "b", "a"),
        ("<|channel|>analysis<|message|>a<|end|>b", "b", "a"),
        ("i < think > j", "i < think > j", ""),
        ("", "", ""),
    ],
)
def test_thoughts_are_separated_from_the_reply(text, reply, thoughts):
    assert split_thoughts(text) == (reply, thoughts)
