const char *gpupkg_backend(void) { return BACKEND; }
