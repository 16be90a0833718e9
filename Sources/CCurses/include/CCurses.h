/* SPDX-License-Identifier: Apache-2.0 */
/* What is used of ncurses, as plain functions: much of it are macros, which Swift does not see. */
#ifndef TCPLINGER_CCURSES_H
#define TCPLINGER_CCURSES_H

#include <stdbool.h>

/* How a text looks; one of these, with or without CCURSES_REVERSE. */
enum ccurses_look {
	CCURSES_PLAIN,
	CCURSES_BOLD,
	CCURSES_DIM,
	CCURSES_ALARM,	 /* red, or bold where there is no colour */
	CCURSES_WARNING, /* magenta: yellow cannot be read on white */
	CCURSES_REVERSE = 16,
};

/* Keys that are no character. */
enum ccurses_key {
	CCURSES_NONE = -1, /* none waits */
	CCURSES_UP = 0x110000,
	CCURSES_DOWN,
	CCURSES_LEFT,
	CCURSES_RIGHT,
	CCURSES_PAGE_UP,
	CCURSES_PAGE_DOWN,
	CCURSES_BACKSPACE,
	CCURSES_RESIZE,
	CCURSES_OTHER,
};

/*
 * Takes the terminal over: false if the terminal's description (terminfo of TERM) is missing or it cannot be
 * written on freely.
 */
bool ccurses_open(bool with_colour);
/* Gives it back as it was. */
void ccurses_close(void);
void ccurses_size(int *lines, int *columns);
void ccurses_erase(void);
/* UTF-8 text from a place on, cut at a width in columns of the screen. */
void ccurses_put(int line, int column, int width, const char *text, int look);
void ccurses_show(void);
/* The next key: a character of Unicode, or one of the above. Does not wait. */
int ccurses_key(void);

#endif
