/* Nothing is called by name: see refusal.c. */
