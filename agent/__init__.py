"""The agent decides when: configuration, the sample cycle, the record, the command and its views."""
