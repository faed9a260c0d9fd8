package main

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// What this SDK says and hears on the wire, noted for the tests; nothing is changed.

func watching() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(watchCall), grpc.WithChainStreamInterceptor(watchStream)}
}

func watchCall(
	ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker,
	options ...grpc.CallOption,
) error {
	name := method[strings.LastIndex(method, "/")+1:]
	if message, ok := request.(proto.Message); ok && strings.HasPrefix(name, "Complete") {
		with := "without a token"
		if value, set := field(message.ProtoReflect(), "completionToken"); set && value.String() != "" {
			with = "with a token"
		}
		id, _ := field(message.ProtoReflect(), "instanceId")
		note(id.String() + " " + name + " " + with)
	}
	return invoke(ctx, method, request, reply, connection, options...)
}

func watchStream(
	ctx context.Context, description *grpc.StreamDesc, connection *grpc.ClientConn, method string,
	open grpc.Streamer, options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := open(ctx, description, connection, method, options...)
	return watched{stream}, err
}

type watched struct{ grpc.ClientStream }

func (w watched) RecvMsg(into any) error {
	err := w.ClientStream.RecvMsg(into)
	message, ok := into.(proto.Message)
	if err != nil || !ok {
		return err
	}
	if turn, set := field(message.ProtoReflect(), "workflowRequest"); set {
		if _, set := field(turn.Message(), "cachedHistory"); set {
			id, _ := field(turn.Message(), "instanceId")
			note(id.String() + " delta")
		}
	}
	return nil
}

func field(message protoreflect.Message, name protoreflect.Name) (protoreflect.Value, bool) {
	known := message.Descriptor().Fields().ByName(name)
	if known == nil || !message.Has(known) {
		return protoreflect.Value{}, false
	}
	return message.Get(known), true
}
