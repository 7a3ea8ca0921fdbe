"""Tables and figures. This package reads files only; it never searches and never asks an LLM."""
