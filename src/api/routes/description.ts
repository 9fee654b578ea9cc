import { fileURLToPath } from 'node:url';
import express, { Router } from 'express';
import { openApiDocument } from '../openapi/document.ts';

/** The page, its script, and Swagger UI, which the build puts beside them. */
const folder = fileURLToPath(new URL('../docs', import.meta.url));

/** Nothing from elsewhere: the page works without a network, and the key that is typed into it goes nowhere else. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** What the API is, for programs and for people. Needs no key. */
export function descriptionRoutes(): Router {
  const router = Router();
  let document: string | undefined;

  router.get('/openapi.json', (_request, response) => {
    document ??= JSON.stringify(openApiDocument());
    response.type('json').send(document);
  });

  router.get('/docs', (_request, response) => {
    response.set({ 'content-security-policy': policy, 'x-content-type-options': 'nosniff' });
    response.sendFile('page.html', { root: folder });
  });

  router.use('/docs', express.static(folder, { index: false, redirect: false }));

  return router;
}
