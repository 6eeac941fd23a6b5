"""Find plugins, turn options into configurations and back, blame the right one."""
