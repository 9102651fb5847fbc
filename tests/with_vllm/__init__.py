"""Tests on real vLLM, on the CPU, with tiny checkpoints that they make themselves."""
