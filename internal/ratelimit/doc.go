// Package ratelimit holds requests back to a number per second, of requests and
// of bytes, without a timer that ticks.
//
// A bucket fills with tokens at its rate, up to its burst. A request may pass
// where there is a whole token, and then takes all it is worth: the bucket goes
// into debt, and the next one waits until the debt is paid. So a request may be
// larger than the burst, its size need not be known before it is taken, and the
// long-run rate is exact.
//
// The clock is read when a request comes. A timer runs only while one is held
// back.
package ratelimit
