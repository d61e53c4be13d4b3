#include "foo.h"

/* Like many libraries, this one was told when it was built where its data will be. */
static const char data[] = FOO_DATA;

int foo_answer(void) { return 42; }
const char *foo_data(void) { return data; }
