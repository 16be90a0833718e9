/* The module is its header; SwiftPM wants a source. */
#include "CWire.h"
