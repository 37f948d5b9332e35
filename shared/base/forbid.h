/* forbid.h - functions that must not be used; the build includes it in front of every file.
 *
 * Declared here first, with the signatures of libc, so that any use of them warns, which is an error.
 * Unlike a poisoned name this leaves foreign headers alone that use them in macros. alloca is a macro
 * and falls under -Walloca instead.
 */
#ifndef MOA_BASE_FORBID_H
#define MOA_BASE_FORBID_H

#define FORBIDDEN(why) __attribute__((deprecated("forbidden here: " why)))

/* They write as far as their input reaches. */
extern char *strcpy(char *__restrict, const char *__restrict) FORBIDDEN("use struct slice and struct buf");
extern char *strcat(char *__restrict, const char *__restrict) FORBIDDEN("use struct buf");
extern char *stpcpy(char *__restrict, const char *__restrict) FORBIDDEN("use struct slice and struct buf");
extern int sprintf(char *__restrict, const char *__restrict, ...) FORBIDDEN("use struct buf or snprintf");
extern int vsprintf(char *__restrict, const char *__restrict, __builtin_va_list) FORBIDDEN("use struct buf or vsnprintf");
extern char *gets(char *) FORBIDDEN("it cannot be used safely");

/* They promise a length and leave the end open, or count from the wrong one. */
extern char *strncpy(char *__restrict, const char *__restrict, __SIZE_TYPE__) FORBIDDEN("use struct slice and memcpy");
extern char *strncat(char *__restrict, const char *__restrict, __SIZE_TYPE__) FORBIDDEN("use struct buf");

/* They keep state between calls, for all threads. */
extern char *strtok(char *__restrict, const char *__restrict) FORBIDDEN("use the functions of struct slice");

/* They cannot say that the input was no number. */
extern int atoi(const char *) FORBIDDEN("use the functions of struct slice");
extern long atol(const char *) FORBIDDEN("use the functions of struct slice");
extern long long atoll(const char *) FORBIDDEN("use the functions of struct slice");
extern double atof(const char *) FORBIDDEN("use strtod");

#undef FORBIDDEN

#endif
