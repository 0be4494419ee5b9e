from tests.quiet import quiet

quiet()
