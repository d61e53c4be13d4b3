int foo_answer(void);
const char *foo_data(void);
