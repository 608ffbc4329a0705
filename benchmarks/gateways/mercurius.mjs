// Fastify with Mercurius and graphql-jit.
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { typeDefs, resolvers } from './convert.mjs';

const app = Fastify();
app.register(mercurius, { schema: typeDefs, resolvers, jit: 1 });
await app.listen({ port: +process.env.PORT, host: '127.0.0.1' });
