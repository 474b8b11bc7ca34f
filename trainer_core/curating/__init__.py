"""Work on datasets that takes seconds: reading, saving, inspecting, fixing. The command line does it itself, pages in a process."""
