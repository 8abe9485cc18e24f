"""The tests: the same tree as the code, plus captures, scenarios, contract and harness."""
