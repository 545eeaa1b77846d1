# Each command is a function of tasks.py, which also runs without make: python tasks.py help
# Example: make test ARGS="-k baskets"
PYTHON ?= python3
COMMANDS := dashboards test setup lint types studies bench lock messages dictionary conclusions bundle shots clean help
.DEFAULT_GOAL := help
.PHONY: $(COMMANDS)
$(COMMANDS): ; @$(PYTHON) tasks.py $@ $(ARGS)
