/*
 * What every file may use: cleanup attributes, checked pthread calls, small arithmetic.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* The object of type `type` whose member `member` is at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Calls fn(&variable) when the variable goes out of scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* The pointer, whose variable becomes NULL: ownership moves to whoever takes the value. */
#define TAKE_PTR(ptr)                                                                              \
    ({                                                                                             \
        __typeof__(ptr) taken_ = ptr;                                                              \
        (ptr) = NULL;                                                                              \
        taken_;                                                                                    \
    })

#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

#define KIB           ((size_t)1024)
#define MIB           (KIB * 1024)
#define NSEC_PER_SEC  1000000000LL
#define NSEC_PER_MSEC 1000000LL
#define NSEC_PER_USEC 1000LL

#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

/* As assert(), in every build: for what would write over memory, or lose it, if it failed. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            fprintf(stderr, "%s:%d: check '%s' failed\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A pthread call that fails is a bug of ours and never an error path. */
#define PTOK(call)                                                                                 \
    do {                                                                                           \
        int ptok_ = (call);                                                                        \
        if (ptok_ != 0) {                                                                          \
            fprintf(stderr, "%s:%d: %s failed: error %d\n", __FILE__, __LINE__, #call, ptok_);     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* For CLEANUP(): frees the pointer the variable holds. */
static inline void free_ptr(void *ptr)
{
    free(*(void **)ptr);
}
