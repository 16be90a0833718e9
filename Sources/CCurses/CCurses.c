/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE_EXTENDED 1
#define _GNU_SOURCE
#include "CCurses.h"
#include <locale.h>
#include <ncursesw/curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

static SCREEN *screen;

bool ccurses_open(bool with_colour)
{
	/* The locale says how wide a character is. A machine without any has the one of C. */
	if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1)
		setlocale(LC_CTYPE, "C.UTF-8");
	setenv("ESCDELAY", "50", 0);
	screen = newterm(NULL, stdout, stdin); /* initscr() would end the process */
	if (!screen)
		return false;
	if (!tigetstr("cup") || tigetstr("cup") == (char *)-1) {
		ccurses_close();
		return false;
	}
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	if (with_colour && has_colors()) {
		start_color();
		use_default_colors(); /* the background is the user's, light or dark */
		init_pair(CCURSES_ALARM, COLOR_RED, -1);
		init_pair(CCURSES_WARNING, COLOR_MAGENTA, -1);
	}
	return true;
}

void ccurses_close(void)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
}

void ccurses_size(int *lines, int *columns)
{
	getmaxyx(stdscr, *lines, *columns);
}

void ccurses_erase(void)
{
	erase();
}

static attr_t attributes_of(int look)
{
	attr_t reverse = look & CCURSES_REVERSE ? A_REVERSE : 0;

	switch (look & ~CCURSES_REVERSE) {
	case CCURSES_BOLD:
		return A_BOLD | reverse;
	case CCURSES_DIM:
		return A_DIM | reverse;
	case CCURSES_ALARM:
	case CCURSES_WARNING:
		return A_BOLD | reverse | COLOR_PAIR(look & ~CCURSES_REVERSE);
	default:
		return reverse;
	}
}

void ccurses_put(int line, int column, int width, const char *text, int look)
{
	wchar_t wide[1024];
	size_t length = mbstowcs(wide, text, sizeof(wide) / sizeof(*wide) - 1);
	size_t fits = 0;
	int used = 0;

	if (length == (size_t)-1) /* no locale with this character: said as what it is not */
		length = mbstowcs(wide, "?", 2);
	while (fits < length) {
		int columns = wcwidth(wide[fits]);

		if (columns < 0) {
			wide[fits] = L'?';
			columns = 1;
		}
		if (used + columns > width)
			break;
		used += columns;
		fits++;
	}
	attrset(attributes_of(look));
	mvaddnwstr(line, column, wide, (int)fits);
	attrset(A_NORMAL);
}

void ccurses_show(void)
{
	refresh();
}

int ccurses_key(void)
{
	wint_t key;

	switch (get_wch(&key)) {
	case OK:
		return key == 127 || key == 8 ? CCURSES_BACKSPACE : (int)key;
	case KEY_CODE_YES:
		break;
	default:
		return CCURSES_NONE;
	}
	switch (key) {
	case KEY_UP:
		return CCURSES_UP;
	case KEY_DOWN:
		return CCURSES_DOWN;
	case KEY_LEFT:
		return CCURSES_LEFT;
	case KEY_RIGHT:
		return CCURSES_RIGHT;
	case KEY_PPAGE:
		return CCURSES_PAGE_UP;
	case KEY_NPAGE:
		return CCURSES_PAGE_DOWN;
	case KEY_BACKSPACE:
		return CCURSES_BACKSPACE;
	case KEY_ENTER:
		return '\r';
	case KEY_RESIZE:
		return CCURSES_RESIZE;
	default:
		return CCURSES_OTHER;
	}
}
