#include <Python.h>

#include "foo.h"

static PyObject *answer(PyObject *self, PyObject *arguments) { return PyLong_FromLong(foo_answer()); }

static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_foo", NULL, -1, methods};

PyMODINIT_FUNC PyInit__foo(void) { return PyModule_Create(&module); }
