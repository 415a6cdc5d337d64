// grpc-gateway in front of a worker: each chunk of a stream becomes one event.
//
//	gateway PORT WORKER_PORT
package main

import (
	"context"
	"log"
	"net"
	"net/http"
	"os"

	pb "bench/inferencepb"
	"github.com/grpc-ecosystem/grpc-gateway/runtime"
	"google.golang.org/grpc"
)

// Spells Server-Sent Events: the gateway's own JSON, in a data line.
type events struct {
	runtime.JSONPb
}

func (*events) ContentType() string { return "text/event-stream" }

func (*events) Delimiter() []byte { return []byte("\n\n") }

func (e *events) Marshal(value interface{}) ([]byte, error) {
	body, err := e.JSONPb.Marshal(value)
	return append([]byte("data: "), body...), err
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: gateway PORT WORKER_PORT")
	}
	mux := runtime.NewServeMux(runtime.WithMarshalerOption(runtime.MIMEWildcard, &events{}))
	worker := net.JoinHostPort("127.0.0.1", os.Args[2])
	plain := []grpc.DialOption{grpc.WithInsecure()}
	if err := pb.RegisterAIAgentServiceHandlerFromEndpoint(context.Background(), mux, worker, plain); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(net.JoinHostPort("127.0.0.1", os.Args[1]), mux))
}
