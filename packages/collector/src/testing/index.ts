export { createRedisServer, type RedisServer } from "./redis-server.ts";
