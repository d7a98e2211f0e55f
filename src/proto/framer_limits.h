/* What one message may be; qemu-ga's figures. */
#pragma once

#define FRAMER_MAX_DEPTH  1024
#define FRAMER_MAX_TOKENS (2u << 20)
#define FRAMER_MAX_BYTES  (64u << 20) /* of tokens, blanks not counted: less than that */
