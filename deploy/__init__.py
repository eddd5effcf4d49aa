"""How the system is run: one folder a service. README.md here says which file belongs to what."""
