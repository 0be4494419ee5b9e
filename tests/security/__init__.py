"""What somebody who means harm may try, and what stands against it."""
