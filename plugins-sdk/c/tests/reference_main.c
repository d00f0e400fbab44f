#include "reference.h"

int main(int argc, char **argv) { return sluice_main(reference_create(), argc, argv); }
