"""Links to other realms: what waits for them, what came from them, who they are, when they are dialled."""
