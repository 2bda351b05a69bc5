/**
 * Images below `secure/` run only in racks whose label starts with `secure`. Pure: equal arguments, equal answers, and
 * nothing is read that `reads` and `asks` do not name.
 *
 * @type {import('flotilla/plugin').Filter}
 */
export const rack = {
  name: 'rack',
  reads: ['identity'],
  asks: ['image'],
  relevant: (request) => request.image.startsWith('secure/'),
  pass: (_request, node) => node.labels.get('rack')?.startsWith('secure') === true,
  explain: (_request, node) => `rack ${node.labels.get('rack') ?? '(none)'} is not a secure one`,
  legacy: () => 'rack is secure',
}
