/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE_EXTENDED 1
#define _GNU_SOURCE
#include "CCurses.h"
#include <locale.h>
#include <ncursesw/curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* Compiled from terminal.ti, which says how. */
/* clang-format off */
#define DESCRIPTION \
	"b64:GgEqAB0ADwBpAbkAdGNwbGluZ2VyfGEgdGVybWluYWwgb2YgdGhlIGtpbmQgb2YgeHRlcm0AAAEAAAEAAAAAAAAA" \
	"AAEBAAAAAAAAAAAAAAAAAAEAUAAIABgA__________________________8IAEAA__8AAAIA_____wQADAAQAP____8U" \
	"ACUAJwArADIA__80ADsA__8_AP__________________QwBIAP__UQD_______9WAP__________WwBfAP__________" \
	"__________________________9oAP____________9qAP____________________________________________9u" \
	"AP__cgB3AHwA________gACEAIwA________________________________________________________________" \
	"________________________________________lAD__________5YA____________________________________" \
	"____________________________________________mAD_____________________________________________" \
	"____________________________________________________________________________________________" \
	"____________________________________________________________________________________________" \
	"____________________________________________________________________________________________" \
	"____________________________nAD_____________________________________________________________" \
	"____________________________________________________________________________________________" \
	"_________6UArwAHAA0AG1tIG1sySgAbW0sAG1tKABtbJWklcDElZDslcDIlZEgACgAbW0gAG1s_MjVsAAgAG1s_MjVo" \
	"ABtbQwAbW0EAG1sxbQAbWz8xMDQ5aAAbWzJtABtbN20AG1ttABtbPzEwNDlsAH8AG09CABtPRAAbWzZ-ABtbNX4AG09D" \
	"ABtPQQAbWz8xbBs-ABtbPzFoGz0ACgAJABtPTQAbWzM5OzQ5bQAbWzMlcDElZG0AG1s0JXAxJWRtAA=="
/* clang-format on */

static SCREEN *screen;

/* Terminals whose control functions are those of terminal.ti, by the beginning of TERM. */
static bool is_common(const char *term)
{
	static const char *const kinds[] = { "xterm",	  "screen", "tmux",    "linux",	  "rxvt",
					     "alacritty", "foot",   "kitty",   "konsole", "gnome",
					     "vte",	  "st-",    "wezterm", "ghostty", "contour",
					     "iterm",	  "putty",  "ansi" };

	for (size_t i = 0; term && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strncmp(term, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

/* initscr() would end the process. */
static SCREEN *open_terminal(void)
{
	SCREEN *described = newterm(NULL, stdout, stdin);

	if (described || !is_common(getenv("TERM")))
		return described;
	/* The host has no description of it, as in a container that has little beside one program. */
	setenv("TERMINFO", DESCRIPTION, 1);
	return newterm("tcplinger", stdout, stdin);
}

bool ccurses_open(bool with_colour)
{
	/* The locale says how wide a character is. A machine without any has the one of C. */
	if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1)
		setlocale(LC_CTYPE, "C.UTF-8");
	setenv("ESCDELAY", "50", 0);
	screen = open_terminal();
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
