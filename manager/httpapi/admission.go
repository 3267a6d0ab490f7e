package httpapi

import (
	"context"
	"net"
	"net/http"
)

// Admitter is a connection that knows whether its peer may use the server; nil is
// yes.
type Admitter interface{ Admitted() error }

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// admitted refuses a peer that nobody has let in: by its process, for a unix
// socket, or by its certificate.
func admitted(r *http.Request) error {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return nil
	}
	c, ok := r.Context().Value(connKey{}).(Admitter)
	if !ok {
		return refused(kindForbidden, "the connection does not say who you are")
	}
	if err := c.Admitted(); err != nil {
		return refused(kindForbidden, "%w", err)
	}
	return nil
}
