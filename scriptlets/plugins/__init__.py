"""Step types of this workspace: every scriptlet here can be named by a step's ``type``."""
