#include "train/clip.h"

float ur_clip_factor(double norm, double limit)
{
    return limit > 0 && norm > limit ? (float)(limit / norm) : 1.0F;
}
