#pragma once
/* A large array or struct on a hot path, which the compiler need not clear (-ftrivial-auto-var-init). */
#ifdef __has_attribute
#if __has_attribute(uninitialized)
#define UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#ifndef UNINITIALIZED
#define UNINITIALIZED
#endif
