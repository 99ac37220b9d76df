# SPDX-License-Identifier: Apache-2.0
# Kafka: clients, producer, consumer, the embedded broker.
noinst_LIBRARIES += host/kafka/libkafka.a
host_kafka_libkafka_a_SOURCES = \
	host/kafka/assignment.c host/kafka/assignment.h \
	host/kafka/client.c host/kafka/client.h \
	host/kafka/consumer.c host/kafka/consumer.h \
	host/kafka/embedded.c host/kafka/embedded.h \
	host/kafka/logreader.c host/kafka/logreader.h \
	host/kafka/logtopic.c host/kafka/logtopic.h \
	host/kafka/producer.c host/kafka/producer.h \
	host/kafka/rdconf.c host/kafka/rdconf.h \
	host/kafka/scan.c host/kafka/scan.h \
	host/kafka/txproducer.c host/kafka/txproducer.h
