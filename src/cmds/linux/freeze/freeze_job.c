#include "cmds/linux/freeze/freeze_job.h"

struct freeze_limits freeze_limits = { .patience_ms = 5000, .second_in_ms = 1000 };
